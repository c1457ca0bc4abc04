"""One adapter a migration tool, behind one interface, and how the right one is found."""
