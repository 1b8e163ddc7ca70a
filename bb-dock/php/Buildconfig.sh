PACKAGES="dev-lang/php"

configure_rootfs_build() {
	# What most pages ask for. Not in it: the command, conversion of character sets but for mbstring's, and kinds of files.
	update_use dev-lang/php +fpm -cli +opcache -opcache-jit +ctype +filter +session +tokenizer +posix +exif +bcmath \
		+xml +simplexml +xmlreader +xmlwriter +unicode +zlib +ssl +pdo +sqlite +mysql +mysqli \
		-iconv -fileinfo -flatfile -phar -acl -bzip2 -curl -gdbm -intl -nls -readline
	update_use app-eselect/eselect-php +fpm
	update_use dev-libs/libpcre2 +unicode -bzip2 -readline -zlib -pcre16 -pcre32
	update_use dev-libs/libxml2 -icu -python -readline
	update_use dev-db/sqlite -readline -tcl -icu
	# What chooses among several PHPs is of the builder; nobody boots, and nobody sends mail.
	provide_package app-admin/eselect virtual/mta virtual/tmpfiles
}

finish_rootfs_build() {
	make_user
	name_the_one_php
	drop_tools
}

# No package has one.
make_user() {
	add_group php 950
	add_user php 950 php /var/www /sbin/nologin
	install -d -m 0755 "$EMERGE_ROOT"/etc/php/conf.d "$EMERGE_ROOT"/var/www/localhost/htdocs
	install -d -m 0700 -o 950 -g 950 "$EMERGE_ROOT"/var/lib/php
}

# Whatever its version. Settings are the dock's own, but for which modules it loads.
name_the_one_php() {
	local folder
	folder=$(echo "$EMERGE_ROOT"/etc/php/fpm-php*)
	ln -sf "php-fpm${folder##*/fpm-php}" "$EMERGE_ROOT"/usr/bin/php-fpm
	rm -rf "$folder"/{php.ini,php-fpm.conf,fpm.d} "$EMERGE_ROOT"/etc/env.d/*php* \
		"$EMERGE_ROOT"/etc/{init.d,conf.d}/php-fpm "$EMERGE_ROOT"/usr/lib/{systemd/system,tmpfiles.d}/php-fpm* \
		"$EMERGE_ROOT"/usr/share/eselect "$EMERGE_ROOT"/usr/libexec/php*
}

# What modules are compiled with; and of these packages PHP needs the libraries.
drop_tools() {
	rm -rf "$EMERGE_ROOT"/usr/lib64/php*/{bin/php{ize,-config}*,include,lib/build,lib/php/build,man,php} \
		"$EMERGE_ROOT"/usr/bin/{php-config,phpize}*
	rm -f "$EMERGE_ROOT"/usr/bin/{pcre2grep,pcre2test,*pcre2-config,sqlite3,xml2-config,xmlcatalog,xmllint,onig-config} \
		"$EMERGE_ROOT"/usr/lib64/libpcre2-posix.so* "$EMERGE_ROOT"/usr/lib64/xml2Conf.sh
}
