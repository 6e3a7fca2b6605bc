"""How a clip is chosen from what was seen: one setter a file, each for tensors and for rows."""
