"""Where everything lies, and how large tiles are."""
