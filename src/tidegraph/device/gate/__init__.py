"""Where devices hand in what they learnt: checked in order, stored, acknowledged."""
