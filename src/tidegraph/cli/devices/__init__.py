"""The commands about models on devices."""
