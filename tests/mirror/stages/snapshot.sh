snapshot_key() { echo 0; }; snapshot_present() { true; }; snapshot_build() { true; }
