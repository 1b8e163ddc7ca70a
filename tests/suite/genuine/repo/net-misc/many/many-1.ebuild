EAPI=8

DESCRIPTION="A program of many files, each of which takes its time to compile"
S="${WORKDIR}"
SLOT="0"
KEYWORDS="amd64"

src_compile() {
	local file number
	for file in {1..9}; do
		for number in {1..300}; do
			echo "int many_${file}_${number}(int n) { int s = 0; for (int i = 0; i < n; i++) s += (i * ${number}) ^ s; return s; }"
		done >many-${file}.c
	done
	printf 'int main(void) { return 0; }\n' >many-0.c
	printf 'many: %s\n\t"$(CC)" $(CFLAGS) -static -o $@ $^\n' "$(printf 'many-%s.o ' {0..9})" >Makefile
	emake CC="${CHOST}-gcc"
}

src_install() {
	dobin many
}
