"""The map as it is read: levels, clusters, bands, answers."""
