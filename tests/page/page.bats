#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# The page of commit-recover --html in a browser: what is in it can be seen, on a desk
# and on a telephone, light and dark, and it asks nobody for anything. Pictures stay in
# tests/page of the build directory, to be looked at.

# shellcheck disable=SC2034 # the helpers use variables
load ../cli/txn-helper
load ../cli/store-helper
load ../cli/page-helper

setup() {
	BROWSER=$(command -v chromium || command -v chromium-browser) || skip 'no chromium'
	need jq python3
	need_faults
	store_scratch
	world
	mkdir served
	gives 11 commit-recover -n -r --json --html=served/p.html .
	cp "$OUT" findings
	cp "$LC_SRCDIR/tests/page/judge.html" served
	export HOME=$ROOT/home
	mkdir -p "$HOME" "$LC_BUILDDIR/tests/page"
	serve
	browse --dump-dom about:blank >/dev/null 2>&1 || skip 'chromium does not start here'
}
teardown() { sweep; }

# serve: the directory served at $AT; what is asked for goes to the file asked
serve() {
	python3 - <<-'END' 3>&- &
		import functools, http.server, os
		class Handler(http.server.SimpleHTTPRequestHandler):
		    def log_request(self, code="-", size="-"):
		        with open("asked", "a") as log:
		            print(self.path, file=log)
		server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory="served"))
		with open("port.new", "w") as port:
		    print(server.server_port, file=port)
		os.rename("port.new", "port")
		server.serve_forever()
	END
	PIDS=$!
	until_true test -e port
	AT=http://127.0.0.1:$(cat port)
}

# browse ARG...: no name but ours is found, so that a request elsewhere would fail
browse() {
	local sandbox=
	[ "$(id -u)" -ne 0 ] || sandbox=--no-sandbox
	# a browser that hangs is no reason to wait for ever
	# shellcheck disable=SC2086
	timeout -s KILL 120 "$BROWSER" --headless $sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars \
		--no-first-run --disable-background-networking --disable-component-update \
		--disable-default-apps --disable-sync --user-data-dir="$ROOT/profile" \
		--host-resolver-rules='MAP * ~NOTFOUND , EXCLUDE 127.0.0.1' "$@" 2>"$ROOT/browser.log"
}

dark=--blink-settings=preferredColorScheme=0

# judge WIDTH [OPTION]...: what the browser makes of it, as JSON in the file judged
judge() {
	local width=$1
	shift
	browse "$@" --virtual-time-budget=20000 --dump-dom "$AT/judge.html#$width" |
		python3 -c 'import html, re, sys
print(html.unescape(re.search(r"<pre id=\"answer\">(.*?)</pre>", sys.stdin.read(), re.S).group(1)))' >judged
	jq -e type judged >/dev/null || { cat judged; return 1; }
}

is() {
	jq -e "$1" judged >/dev/null || { echo "not: $1"; jq . judged; return 1; }
}

@test "what is in it can be seen, as a table and on a telephone, light and dark" {
	local width findings
	findings=$(jq -s 'map(select(.summary | not)) | length' findings)
	for width in 1200 360; do
		for scheme in "$dark" --disable-default-apps; do
			judge "$width" "$scheme"
			is ".width == $width and .overflow == 0 and .cut == 0"
			# what WCAG asks for of small text
			is '.contrast >= 4.5'
			is ".dark == $([ "$scheme" = "$dark" ] && echo true || echo false)"
			is '(.title | startswith("commit-recover: A person must decide, "))'
			is ".h1 == 1 and .h2 == 3 and .h3 == 6 and .findings == $findings and .badges == $findings"
			is '.commits == 6 and .marks == 6 and .strange == 0'
		done
	done
}

@test "it asks for nothing but itself" {
	local asked
	browse --virtual-time-budget=5000 --dump-dom --log-net-log="$ROOT/net" "$AT/p.html" >dumped
	grep -q '<h2>Findings</h2>' dumped
	asked=$(cat asked)
	[ "$asked" = /p.html ] || { echo "asked for: $asked"; return 1; }
	# of what the browser asks for on its own account, nothing stands in the page
	jq -r '.events[].params.url? // empty' "$ROOT/net" | sort -u >urls
	grep -qx "$AT/p.html" urls
	while read -r url; do
		[ "$url" = "$AT/p.html" ] || ! grep -qF -- "$url" served/p.html || { echo "asks for $url"; return 1; }
	done <urls
	# and the frame of the test does see a second request
	judge 360
	grep -qx /judge.html asked
}

# pixel FILE: the one in the corner, which is background
pixel() {
	python3 - "$1" <<-'END'
		import struct, sys, zlib
		data = open(sys.argv[1], "rb").read()
		assert data[:8] == b"\x89PNG\r\n\x1a\n"
		at, packed = 8, b""
		while at < len(data):
		    length, kind = struct.unpack(">I4s", data[at:at + 8])
		    if kind == b"IHDR":
		        width, height = struct.unpack(">II", data[at + 8:at + 16])
		    if kind == b"IDAT":
		        packed += data[at + 8:at + 8 + length]
		    at += 12 + length
		# whatever the filter, nothing is to the left of it or above it
		print(f"{width}x{height} {zlib.decompress(packed)[1:4].hex()}")
	END
}

@test "pictures: light and dark, wide and narrow; it prints" {
	local kept=$LC_BUILDDIR/tests/page
	browse --window-size=1200,1600 --screenshot="$kept/light.png" "$AT/p.html"
	[ "$(pixel "$kept/light.png")" = '1200x1600 f6f7f8' ]
	browse --window-size=1200,1600 "$dark" --screenshot="$kept/dark.png" "$AT/p.html"
	[ "$(pixel "$kept/dark.png")" = '1200x1600 13161a' ]
	browse --window-size=500,1600 --screenshot="$kept/narrow.png" "$AT/p.html"
	[ "$(pixel "$kept/narrow.png")" = '500x1600 f6f7f8' ]
	browse --print-to-pdf="$kept/page.pdf" "$AT/p.html"
	[ "$(head -c 5 "$kept/page.pdf")" = %PDF- ]
	[ "$(stat -c %s "$kept/page.pdf")" -gt 10000 ]
}
