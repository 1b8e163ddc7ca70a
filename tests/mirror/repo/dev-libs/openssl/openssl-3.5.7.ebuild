EAPI=8

inherit toolchain-funcs

DESCRIPTION="Robust, full-featured toolkit for TLS and general cryptography"
HOMEPAGE="https://www.openssl.org/"
SRC_URI="mirror://gentoo/${P}.tar.gz"

LICENSE="Apache-2.0"
SLOT="0/$(ver_cut 1)"
KEYWORDS="amd64"
IUSE="+asm cpu_flags_x86_sse2 ktls +quic static-libs"

BDEPEND=">=dev-lang/perl-5"
PDEPEND="app-misc/ca-certificates"

src_configure() {
	local args=(
		linux-x86_64
		--prefix=/usr
		--libdir="$(get_libdir)"
		--openssldir=/etc/ssl
		shared threads no-tests no-docs
		$(usex asm '' no-asm)
		$(usex cpu_flags_x86_sse2 '' no-sse2)
		$(usex quic '' no-quic)
		$(usev ktls enable-ktls)
	)
	tc-export AR CC RANLIB
	perl Configure "${args[@]}" ${CFLAGS} ${LDFLAGS} || die
}

src_compile() {
	emake build_sw
}

src_install() {
	# Not in parallel: the steps of the installation are not ordered in upstream's makefile.
	emake -j1 DESTDIR="${D}" install_sw install_ssldirs
	use static-libs || rm "${ED}/usr/$(get_libdir)"/*.a || die
	keepdir /etc/ssl/certs
	keepdir /etc/ssl/private
	fperms 0700 /etc/ssl/private
}
