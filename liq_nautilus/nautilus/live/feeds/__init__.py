"""From connections and requests to Nautilus data, with the health of each feed."""
