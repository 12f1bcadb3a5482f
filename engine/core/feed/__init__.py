"""Market frames in, proven books out: tokens, checksums, probes, resyncs, connections."""
