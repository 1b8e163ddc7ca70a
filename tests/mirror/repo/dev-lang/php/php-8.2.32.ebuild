EAPI=8

DESCRIPTION="The PHP language runtime engine"
HOMEPAGE="https://www.php.net/"
SRC_URI="mirror://gentoo/${P}.tar.xz"

LICENSE="PHP-3.01 BSD Zend-2.0 bcmath? ( LGPL-2.1+ ) fpm? ( BSD-2 ) unicode? ( BSD-2 LGPL-2.1 )"
SLOT="$(ver_cut 1-2)"
KEYWORDS="amd64"
IUSE="+cli cgi fpm threads
	acl argon2 bcmath bzip2 calendar +ctype curl debug exif ffi +fileinfo +filter +flatfile ftp gd gdbm gmp +iconv inifile
	intl ipv6 +jit libedit mysql mysqli nls +opcache +opcache-jit pcntl pdo +phar +posix readline selinux +session sharedmem
	+simplexml soap sockets sodium sqlite ssl sysvipc systemd tidy +tokenizer unicode +xml xmlreader xmlwriter xslt zip zlib"

REQUIRED_USE="
	|| ( cli cgi fpm )
	cli? ( ^^ ( readline libedit ) )
	!cli? ( ?? ( readline libedit ) )
	simplexml? ( xml )
	soap? ( xml )
	xmlreader? ( xml )
	xmlwriter? ( xml )
	xslt? ( xml )
	mysql? ( || ( mysqli pdo ) )
"

# Not all of these are in this repository: who wants such a flag does without it here.
DEPEND="
	app-eselect/eselect-php[fpm?]
	dev-libs/libpcre2[jit?,unicode]
	virtual/libcrypt:=
	acl? ( sys-apps/acl )
	argon2? ( app-crypt/argon2:= )
	bzip2? ( app-arch/bzip2:0= )
	curl? ( net-misc/curl )
	ffi? ( dev-libs/libffi:= )
	gd? ( media-libs/gd )
	gdbm? ( sys-libs/gdbm:0= )
	gmp? ( dev-libs/gmp:0= )
	intl? ( dev-libs/icu:= )
	libedit? ( dev-libs/libedit )
	nls? ( sys-devel/gettext )
	readline? ( sys-libs/readline:0= )
	selinux? ( sys-libs/libselinux )
	sodium? ( dev-libs/libsodium:= )
	sqlite? ( dev-db/sqlite )
	ssl? ( dev-libs/openssl:0= )
	systemd? ( sys-apps/systemd )
	tidy? ( app-text/htmltidy )
	unicode? ( dev-libs/oniguruma:= )
	xml? ( dev-libs/libxml2:= )
	xslt? ( dev-libs/libxslt )
	zip? ( dev-libs/libzip:= )
	zlib? ( virtual/zlib:= )
"
RDEPEND="
	${DEPEND}
	virtual/mta
"
BDEPEND="virtual/pkgconfig"
IDEPEND="app-eselect/eselect-php[fpm?]"

php_sapis() {
	local sapi
	for sapi in cli cgi fpm; do usev "${sapi}"; done
}

# The options that follow from USE, one a line.
php_options() {
	local flag
	for flag in bcmath calendar ctype debug exif fileinfo filter flatfile ftp gd inifile intl ipv6 opcache opcache-jit \
		pcntl pdo phar posix session simplexml soap sockets tokenizer xml xmlreader xmlwriter; do
		use_enable "${flag}"
	done
	for flag in sysvmsg sysvsem sysvshm; do use_enable sysvipc "${flag}"; done
	use_enable sharedmem shmop
	use_enable threads zts
	use_enable unicode mbstring
	use_enable xml dom
	for flag in curl ffi gdbm gmp iconv libedit mysqli readline sodium tidy zip zlib; do use_with "${flag}"; done
	use_with acl fpm-acl
	use_with argon2 password-argon2
	use_with bzip2 bz2
	use_with gd external-gd
	use_with jit pcre-jit
	use_with nls gettext
	use_with selinux fpm-selinux
	use_with sqlite sqlite3
	use_with ssl openssl
	use_with systemd fpm-systemd
	use_with xml libxml
	use_with xslt xsl
	use pdo && use_with mysql pdo-mysql mysqlnd
	use pdo && use_with sqlite pdo-sqlite
	( use flatfile || use gdbm || use inifile ) && echo --enable-dba
}

# Each of the programs is compiled with a place of its own for its settings: in a tree of its own, therefore.
src_configure() {
	local sapi other args
	for sapi in $(php_sapis); do
		cp -a "${S}" "${WORKDIR}/${sapi}" || die
		cd "${WORKDIR}/${sapi}" || die
		args=(
			--prefix="/usr/$(get_libdir)/php${SLOT}"
			--libdir="/usr/$(get_libdir)/php${SLOT}/lib"
			--with-libdir="$(get_libdir)"
			--localstatedir=/var
			--with-config-file-path="/etc/php/${sapi}-php${SLOT}"
			--with-config-file-scan-dir="/etc/php/${sapi}-php${SLOT}/ext-active"
			--with-external-libcrypt
			--with-external-pcre
			--with-pic
			--without-pear
			--without-valgrind
			--disable-phpdbg
			--cache-file="${T}/config.cache"
		)
		for other in cli cgi fpm; do
			[[ ${other} == "${sapi}" ]] && args+=( "--enable-${other}" ) || args+=( "--disable-${other}" )
		done
		econf "${args[@]}" $(php_options)
	done
}

src_compile() {
	local sapi
	for sapi in $(php_sapis); do
		emake -C "${WORKDIR}/${sapi}"
	done
}

src_install() {
	local sapi program home="/usr/$(get_libdir)/php${SLOT}"
	for sapi in $(php_sapis); do
		cd "${WORKDIR}/${sapi}" || die
		emake INSTALL_ROOT="${D}" install-build install-headers
		use opcache && emake INSTALL_ROOT="${D}" install-modules
		case ${sapi} in
			cli) program=php ;;
			*) program=php-${sapi} ;;
		esac
		into "${home}"
		dobin "sapi/${sapi}/${program}"
		dosym "../${home#/usr/}/bin/${program}" "/usr/bin/${program}${SLOT}"
		php_settings "/etc/php/${sapi}-php${SLOT}"
	done
	keepdir "/usr/share/php$(ver_cut 1)"
}

# php_settings FOLDER
php_settings() {
	insinto "${1}"
	newins php.ini-production php.ini
	dodir "${1}"/{ext,ext-active}
	if use opcache; then
		insinto "${1}/ext"
		newins - opcache.ini <<<"zend_extension = opcache.so"
		dosym ../ext/opcache.ini "${1}/ext-active/opcache.ini"
	fi
	[[ ${sapi} == fpm ]] || return 0
	insinto "${1}"
	newins - php-fpm.conf < <(sed "s:^include=.*:include=${1}/fpm.d/*.conf:" sapi/fpm/php-fpm.conf)
	insinto "${1}/fpm.d"
	doins sapi/fpm/www.conf
}
