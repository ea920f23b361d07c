#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Runs the recipes of libcommit-recipes(7) as a reader would type them, in a
# scratch directory; each also with what it is there for going wrong.

bats_require_minimum_version 1.5.0

load man-helper

recipe() { example libcommit-recipes.7 "$1"; }

# stand_in NAME: a program from standard input
stand_in()
{
	cat > "$ROOT/bin/$1"
	chmod +x "$ROOT/bin/$1"
}

@test "every recipe is tested here" {
	for name in $("$EXTRACT" "$MAN_DIR/libcommit-recipes.7"); do
		echo "$name"
		grep -q "^@test \"recipe: $name\"" "$HERE/recipes.bats"
	done
	[ "$("$EXTRACT" "$MAN_DIR/libcommit-recipes.7" | wc -l)" -ge 9 ]
}

@test "recipe: sponge" {
	printf 'b\na\nb\n' > words
	recipe sponge
	[ "$status" -eq 0 ]
	same words 'a\nb\n'
	printf '#!/bin/sh\necho a\nexit 2\n' | stand_in sort
	recipe sponge
	[ "$status" -eq 4 ]
	same words 'a\nb\n'
	no_leftovers
}

@test "recipe: mktemp" {
	mkdir -p "$ROOT/srv/site"
	printf '#!/bin/sh\necho page\n' | stand_in generate
	echo old > "$ROOT/srv/site/real.html"
	ln -s real.html "$ROOT/srv/site/index.html"
	chmod 640 "$ROOT/srv/site/real.html"
	recipe mktemp
	[ "$status" -eq 0 ]
	[ -L "$ROOT/srv/site/index.html" ]
	same "$ROOT/srv/site/real.html" 'page\n'
	[ "$(stat -c %a "$ROOT/srv/site/real.html")" = 640 ]
	printf '#!/bin/sh\necho half\nkill -9 $$\n' | stand_in generate
	recipe mktemp
	[ "$status" -eq 4 ]
	same "$ROOT/srv/site/real.html" 'page\n'
	no_leftovers
}

@test "recipe: sed" {
	printf 'port = 80\nhost = a\n' > "$ROOT/etc/app.conf"
	recipe sed
	[ "$status" -eq 0 ]
	same "$ROOT/etc/app.conf" 'port = 8080\nhost = a\n'
	no_leftovers
}

@test "recipe: sed-if-same" {
	printf 'port = 80\n' > "$ROOT/etc/app.conf"
	recipe sed-if-same
	[ "$status" -eq 0 ]
	same "$ROOT/etc/app.conf" 'port = 8080\n'
	before=$(stat -c '%i %Y' "$ROOT/etc/app.conf")
	recipe sed-if-same
	[ "$status" -eq 0 ]
	[ "$(stat -c '%i %Y' "$ROOT/etc/app.conf")" = "$before" ]
	# somebody else is faster than sed
	printf 'port = 80\n' > "$ROOT/etc/app.conf"
	stand_in sed <<- 'END'
		#!/bin/sh
		case $1 in
		s/^port*) echo theirs > "$ROOT/etc/app.conf" ;;
		esac
		exec /bin/sed "$@"
	END
	recipe sed-if-same
	[ "$status" -eq 4 ]
	same "$ROOT/etc/app.conf" 'theirs\n'
}

@test "recipe: crontab" {
	printf '0 3 * * * backup\n0 4 * * * report\n' > table
	stand_in crontab <<- 'END'
		#!/bin/sh
		# crontab -l; crontab FILE
		if [ "$1" = -l ]; then
		        [ ! -e broken ] || exit 1
		        exec cat table
		fi
		cat "$1" > table
	END
	recipe crontab
	[ "$status" -eq 0 ]
	same table '0 4 * * * report\n'
	touch broken
	recipe crontab
	[ "$status" -eq 4 ]
	same table '0 4 * * * report\n'
}

@test "recipe: line" {
	mkdir "$ROOT/etc/sysctl.d"
	f=$ROOT/etc/sysctl.d/local.conf
	recipe line
	[ "$status" -eq 0 ]
	same "$f" 'kernel.panic = 10\n'
	printf 'kernel.panic = 10\nvm.swappiness = 1\n' > "$f"
	recipe line
	[ "$status" -eq 0 ]
	recipe line
	[ "$status" -eq 0 ]
	same "$f" 'vm.swappiness = 1\nkernel.panic = 10\n'
	no_leftovers
}

@test "recipe: certbot" {
	mkdir -p "$ROOT/etc/nginx/tls" lineage
	echo 'server { }' > "$ROOT/etc/nginx/nginx.conf"
	echo old > "$ROOT/etc/nginx/tls/key.pem"
	echo old > "$ROOT/etc/nginx/tls/cert.pem"
	echo key > lineage/privkey.pem
	echo cert > lineage/fullchain.pem
	export RENEWED_LINEAGE=$PWD/lineage
	recipe certbot
	[ "$status" -eq 0 ]
	same "$ROOT/etc/nginx/tls/key.pem" 'key\n'
	same "$ROOT/etc/nginx/tls/cert.pem" 'cert\n'
	[ "$(wc -l < "$ROOT/reloads")" -eq 1 ]
	# one of the two is missing, or the server does not like it: neither changes
	echo newer > lineage/privkey.pem
	rm lineage/fullchain.pem
	recipe certbot
	[ "$status" -eq 4 ]
	same "$ROOT/etc/nginx/tls/key.pem" 'key\n'
	echo newer > lineage/fullchain.pem
	echo 'server {' > "$ROOT/etc/nginx/nginx.conf"
	recipe certbot
	[ "$status" -eq 4 ]
	same "$ROOT/etc/nginx/tls/cert.pem" 'cert\n'
	[ "$(wc -l < "$ROOT/reloads")" -eq 1 ]
}

@test "recipe: textfile" {
	umask 077
	recipe textfile
	[ "$status" -eq 0 ]
	f=$ROOT/var/lib/node_exporter/disks.prom
	cat "$f"
	grep -qE '^disk_used\{on="/[^"]*"\} [0-9-]+$' "$f"
	! grep -vE '^disk_used\{on="[^"]*"\} [0-9-]+$' "$f" || false
	[ "$(stat -c %a "$f")" = 644 ]
	no_leftovers
}

@test "recipe: tree" {
	needs_apply
	mkdir -p "$ROOT/srv/site" build
	echo old > "$ROOT/srv/site/gone.html"
	echo page > build/index.html
	echo style > build/style.css
	recipe tree
	[ "$status" -eq 0 ]
	[ ! -e "$ROOT/srv/site/gone.html" ]
	[ "$(tar xOf site.tar index.html style.css)" = $'page\nstyle' ]
}

@test "recipe: triple" {
	mkdir sd usb disk
	recipe triple
	[ "$status" -eq 0 ]
	[[ "$output" =~ ^[0-9]+$ ]]
	cmp sd/state disk/state
}
