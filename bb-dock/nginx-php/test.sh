# A program with a database behind it: what one request writes, another reads, also where several come at once.
# shellcheck shell=dash
set -eu

main() {
	local number
	program >/var/www/localhost/htdocs/notes.php
	[ "$(asks)" = '0 notes' ]
	[ "$(asks --post-data 'text=a+slim+%22image%22')" = '1 notes, the last is: a slim "image"' ]
	for number in 1 2 3 4 5 6 7 8; do
		asks --post-data "text=$number" >/dev/null &
	done
	wait
	asks | grep -q '^9 notes, the last is: [1-8]$'
	# It is the user php's, in the folder that a volume may be at.
	[ "$(stat -c '%U %a' /var/lib/php/notes.db)" = 'php 644' ]
}

asks() { wget -q -T 10 -O - "$@" http://127.0.0.1/notes.php; }

program() {
	cat <<-'END'
		<?php
		$base = new PDO('sqlite:/var/lib/php/notes.db');
		$base->exec('PRAGMA busy_timeout = 10000');
		$base->exec('CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)');
		if ($_SERVER['REQUEST_METHOD'] === 'POST') {
			$base->prepare('INSERT INTO notes (text) VALUES (?)')->execute([$_POST['text']]);
		}
		header('Content-Type: text/plain');
		echo $base->query('SELECT count(*) FROM notes')->fetchColumn(), ' notes';
		foreach ($base->query('SELECT text FROM notes ORDER BY id DESC LIMIT 1') as $note) {
			echo ', the last is: ', $note['text'];
		}
	END
}

main
