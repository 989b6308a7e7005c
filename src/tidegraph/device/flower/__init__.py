"""Devices of other organisations learn theta by Flower's messages."""
