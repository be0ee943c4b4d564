"""Outside resources, one module each: files, locks, processes, the network, zip archives."""
