PACKAGES="app-misc/mosquitto"

configure_rootfs_build() {
	update_use app-misc/mosquitto +ssl +bridge +persistence -srv
}

finish_rootfs_build() {
	# Settings are the dock's own.
	rm -rf "$EMERGE_ROOT"/etc/mosquitto "$EMERGE_ROOT"/etc/init.d/mosquitto "$EMERGE_ROOT"/usr/share/mosquitto \
		"$EMERGE_ROOT"/usr/lib/systemd/system/mosquitto.service
	# Tools for a look into files, for the plugin below, for requests with an answer; the library for C++.
	rm -f "$EMERGE_ROOT"/usr/bin/mosquitto_{ctrl,db_dump,rr} "$EMERGE_ROOT"/usr/lib64/mosquitto_dynamic_security.so \
		"$EMERGE_ROOT"/usr/lib64/libmosquittopp.so* "$EMERGE_ROOT"/usr/lib64/libcjson_utils.so*
}
