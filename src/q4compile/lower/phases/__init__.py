"""What an entry does: phases over tensors, and the parts that they are made of."""
