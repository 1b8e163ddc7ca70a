downloads_key() { echo 0; }; downloads_present() { true; }; downloads_build() { true; }
