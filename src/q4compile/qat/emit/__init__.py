"""Networks written out as the Python package that an engineer would have written by hand."""
