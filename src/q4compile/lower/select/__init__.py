"""From nodes of a network to phases over tensors."""
