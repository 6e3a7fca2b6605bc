"""How values lie in memory, with sizes that are known at run time."""
