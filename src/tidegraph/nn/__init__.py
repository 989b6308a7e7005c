"""Networks: tensors in, tensors out; they know no graph and no log."""
