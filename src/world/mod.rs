//! Effects: everything that touches files, the network or the engine.

