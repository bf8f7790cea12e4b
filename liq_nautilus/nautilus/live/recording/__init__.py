"""What a node received and published, kept so that it can be replayed."""
