"""Accuracy and calibration over a catalog: loads, calls core, tells what came out."""
