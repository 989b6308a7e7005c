"""Methods of the literature: an encoder, an objective and a training by name."""
