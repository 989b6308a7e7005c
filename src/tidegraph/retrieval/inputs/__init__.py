"""What encoders get of a log: sampled surroundings and features."""
