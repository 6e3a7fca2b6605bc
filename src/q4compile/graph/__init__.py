"""ONNX in and out: reading, components, recurrent state, quantizable sites, inspection."""
