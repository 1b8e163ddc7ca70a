# What a program tries that means harm. One line for each: its name, and `done`, the number of the error, or what is seen.
# Only where root is nobody outside: else what is tried here would be done to this machine.
open(my $map, '<', '/proc/self/uid_map');
die "root is somebody\n" unless (split ' ', <$map>)[1] > 65535;
print "root nobody\n";
my ($secret, $port, $abstract, $pid, $turned) = @ARGV;
my $name = reverse $turned;
my %calls = (x86_64 => [259, 165, 272, 16], aarch64 => [33, 40, 97, 29]);
my ($mknodat, $mount, $unshare, $ioctl) = @{$calls{(split ' ', `uname -m` || 'x86_64')[0]}};
# Perl lets no call have a word of the program's own.
my ($none, $made, $place, $kind) = ('', '/tmp/made', '/tmp', 'tmpfs');

sub told { my ($name, $done) = @_; print "$name ", ($done ? 'done' : $! + 0), "\n"; }
sub reach { my ($family, $address) = @_; socket(my $s, $family, 1, 0) or return 0; connect($s, $address); }

told('file', open(my $f, '<', $secret));
told('tcp', reach(2, pack('S n C4 x8', 2, $port, 127, 0, 0, 1)));
told('far', reach(2, pack('S n C4 x8', 2, 80, 192, 0, 2, 1)));
told('abstract', reach(1, pack('S a*', 1, "\0$abstract")));
told('signal', kill(0, $pid));
told('device', syscall($mknodat, -100, $made, 0060600, 0x800) == 0);
told('mount', syscall($mount, $kind, $place, $kind, 0, $none) == 0);
for my $path ('/proc/sys/kernel/hostname', '/sys/kernel/uevent_seqnum') {
	told($path, open(my $f, '>', $path));
}
# Not every kernel has it.
told('sysrq', open(my $t, '>', '/proc/sysrq-trigger')) if -e '/proc/sysrq-trigger';
open(my $null, '<', '/dev/null');
told('typing', syscall($ioctl, fileno($null), 0x5412, $none) == 0);

# Without a module: the image has none.
opendir(my $all, '/proc');
my $seen = grep { open(my $f, '<', "/proc/$_/cmdline") and index(join('', <$f>), $name) >= 0 } grep { /^\d+$/ } readdir($all);
print "processes $seen\n";
# The last: it changes where what follows is.
told('namespace', syscall($unshare, 0x10000000) == 0);
