"""What an evaluation found, in words, pictures and one HTML file."""
