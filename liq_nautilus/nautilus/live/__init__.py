"""The map on a running node, on paper or live: sources, data client, node, recorder, alerts."""
