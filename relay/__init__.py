"""Between the log and the bus: the sequencer, the publisher and the readers of both streams."""
