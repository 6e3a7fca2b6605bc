"""The instruction set: words, programs, their two forms (bytes and text), and the target."""
