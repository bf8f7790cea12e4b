"""The liquidation models, one module each, behind one interface."""
