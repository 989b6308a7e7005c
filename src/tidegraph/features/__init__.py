"""What a ranker knows of a request and its candidates, strictly before its time."""
