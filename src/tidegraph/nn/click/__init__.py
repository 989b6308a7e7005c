"""Click models: one network a file, all fed with the same inputs."""
