"""The machine of a program in software: the same integers, the same traps, any legal order."""
