#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# commit-recover --html: what the page says, that names stay text, that its commands
# do what stands beside them, and how the file is written. How it looks is tested in
# tests/page.

# shellcheck disable=SC2154,SC2016 # the helpers set variables; names that look like commands
load txn-helper
load store-helper
load page-helper

setup() {
	need_faults
	store_scratch
}
teardown() { sweep; }

# page TEXT...: the page has each of them
page() {
	local text
	for text; do
		grep -qF -- "$text" p.html && continue
		echo "no '$text' in the page"
		return 1
	done
}

# without TEXT...: and none of these
without() {
	local text
	for text; do
		if grep -F -- "$text" p.html; then
			return 1
		fi
	done
}

rows() { grep -c '<tr role="row">$' p.html; }

# commands HEADING: the commands under it, as a browser copies them
commands() {
	python3 - "$1" <<-'END'
		import html, re, sys
		page = open("p.html", encoding="utf-8").read()
		for text in re.findall("<dt>" + re.escape(sys.argv[1]) + "</dt>\n<dd><pre[^>]*><code>(.*?)</code></pre>", page, re.S):
		    print(html.unescape(text))
	END
}

@test "everything in one page: verdict, findings, decisions, commits; the exit status stays" {
	need_json
	world
	# what has a store's name is not yet one
	mkdir -p no-store/.commit
	gives 11 commit-recover -n -r --json --html=p.html . missing
	page '<title>commit-recover: A person must decide, ' '<h2>What a person must decide</h2>' \
		'<h2>Findings</h2>' '<h2>What could not be looked at</h2>' '<h2>Commits of the stores</h2>' \
		"<code>$PWD/root</code>" "<code>$PWD/quiet</code>" "<code>$PWD/missing</code>" \
		'everything below' '--dry-run' 'exit status 11' 'Nothing was committed yet' \
		"commit-recover --resolve=$T:commit $PWD/root" "commit-recover --resolve=$T:abort $PWD/root" \
		'name.theirs-TXN' 'name.before-TXN' 'not published to the end' 'took back'
	[ "$(grep -c '<h3><code>' p.html)" -eq 2 ]
	[ "$(rows)" -eq "$(jq -es 'map(select(.summary | not)) | length' "$OUT")" ]
	[ "$(grep -c '> to decide</span>' p.html)" -eq "$(jq -es 'last.conflicts' "$OUT")" ]
	[ "$(grep -c '> planned</span>' p.html)" -eq 2 ]
	[ "$(grep -c '<g class="committed">' p.html)" -eq 5 ]
	[ "$(grep -c '<g class="pending">' p.html)" -eq 1 ]
	[ "$(grep -c 'data-label="When"' p.html)" -eq 6 ]
	gives 11 commit-recover -r --html=p.html .
	has "conflict transaction ./root/.commit/stage/$T"
	[ "$(grep -c '> repaired</span>' p.html)" -eq 2 ]
}

@test "it asks for nothing, runs nothing, and is well formed" {
	need python3
	world
	gives 11 commit-recover -r --html=p.html .
	without '<script' 'http:' 'https:' 'src=' 'url(' '@import' 'javascript'
	page "default-src 'none'" '<html lang="en">' 'width=device-width' 'prefers-color-scheme:dark' \
		'@media print' '<main>' 'scope="col"' 'role="img"' '<caption>'
	python3 - <<-'END'
		from html.parser import HTMLParser
		class Page(HTMLParser):
		    open, void, ids = [], {"meta", "link", "br"}, set()
		    def handle_starttag(self, tag, attributes):
		        if tag not in self.void:
		            self.open.append(tag)
		        for name, value in attributes:
		            if name == "id":
		                assert value not in self.ids, value
		                self.ids.add(value)
		            assert not name.startswith("on"), name
		        assert tag != "b" or len(attributes) == 0
		    def handle_endtag(self, tag):
		        assert self.open.pop() == tag, tag
		page = Page()
		page.feed(open("p.html", encoding="utf-8").read())
		page.close()
		assert page.open == [], page.open
	END
}

@test "names from outside are text: markup, quotes, lines, controls, no UTF-8, turned letters" {
	world
	gives 11 commit-recover -r --html=p.html .
	page '&lt;b&gt;&amp;&quot;x&#39;\012\033[1m$(id)\377\342\200\256/f</code>'
	without '<b>&' $'\e' $'\xff' $'\xe2\x80\xae'
	iconv -f utf-8 -t utf-8 p.html >/dev/null
	# and what can be read is
	mkdir 'Größe 大'
	left_by 1:kill:fsync 'Größe 大'
	gives 10 commit-recover -r --html=p.html 'Größe 大'
	page "<code>$PWD/Größe 大"
	# bytes that only begin or look like a character
	local name
	for name in $'\xc3' $'\xc0\xaf' $'\xed\xa0\x80' $'\xf5\x80\x80\x80' $'\xe2\x82' $'\xf0\x82\x82\xac' $'\xc2\x85'; do
		left_by 1:kill:fsync "in-$name-x"
	done
	gives 10 commit-recover -r --html=p.html in-*
	iconv -f utf-8 -t utf-8 p.html >/dev/null
	page '/in-\303-x/' '/in-\300\257-x/' '/in-\355\240\200-x/' '/in-\365\200\200\200-x/' '/in-\342\202-x/' \
		'/in-\360\202\202\254-x/' '/in-\302\205-x/'
}

@test "its commands, copied to a shell: publish what was committed" {
	need python3
	world
	gives 11 commit-recover -r --html=p.html .
	commands 'Publish what was committed' >copied
	(cd / && gives 10 bash "$OLDPWD/copied")
	all_new
	holds "root/b.theirs-$T" 'theirs\n'
}

@test "its commands, copied to a shell: take it back, of a root with a strange name" {
	need python3
	local strange_root="root $strange"
	script_pends_at 1:kill:exchange <<-END
		write a new a
		write b new b
	END
	printf 'theirs\n' >root/b
	mv root "$strange_root"
	gives 11 commit-recover -r --html=p.html .
	commands 'Take it back' >copied
	(cd / && gives 10 bash "$OLDPWD/copied")
	holds "$strange_root/a" 'old a\n'
	holds "$strange_root/b" 'theirs\n'
}

@test "its commands, copied to a shell: a file that was edited in place" {
	need python3
	left_by 2:kill:fsync "in $strange" --in-place
	printf 'theirs\n' >"in $strange/f"
	gives 11 commit-recover -r --html=p.html .
	commands 'Look first' >copied
	gives 0 bash copied
	holds content.old 'old\n'
	holds content.new 'new\n'
	commands 'Take what was there before the edit' >copied
	gives 0 bash copied
	holds "in $strange/f" 'old\n'
	[ -e "in $strange/f.journal" ]
	gives 0 commit-recover -r --html=p.html .
	page 'All is well'
}

@test "its commands, copied to a shell: a version that a save moved aside" {
	need python3
	mkdir displaced
	printf 'old\n' >displaced/f
	left_by 1:kill:unlink displaced -e "$(commit-save --token displaced/f)"
	printf 'theirs\n' >"$LEFT"
	gives 11 commit-recover -r --html=p.html .
	commands 'Keep it under another name' >copied
	gives 0 bash copied
	holds displaced/displaced.kept 'theirs\n'
	gives 0 commit-recover -r .
}

@test "each way to ask has its page, and its exit status" {
	pends
	gives 0 commit-recover -n --html=p.html root
	page 'There is work to do' '> planned</span>' '--dry-run' 'A run that repairs finishes it.'
	gives 0 commit-recover --list --html=p.html root
	page '--list'
	gives 0 commit-recover --check --html=p.html root
	page 'All is well' '--check' 'Nothing was left behind' '0</b> disasters' '0</b> leaks'
	gives 10 commit-recover --html=p.html root
	page '>✔</span> Repaired' 'Finished: the new content is in place.'
	gives 0 commit-recover --html=p.html root
	page 'All is well' 'Nothing was left behind'
	mkdir -p copy/.commit/stage
	touch root/.commit/stage/rubbish
	gives 10 commit-recover --check --html=p.html root
	page 'Leaks' '> leak</span>' 'invariant 4' '1</b> leaks'
	head -c 20 /dev/zero >root/.commit/format
	gives 11 commit-recover --check --html=p.html root
	page 'Disaster' '> disaster</span>'
	gives 1 commit-recover --html=p.html missing
	page 'Failed' 'What could not be looked at' "<code>$PWD/missing</code>: look at: No such file"
}

@test "only the last commits of a long history are shown, and the rest is named" {
	swiftly
	cd "$SWIFT" 2>/dev/null || export COMMIT_ROOT=$PWD/root
	for n in $(seq 104); do
		echo "$n" | commit-txn run -- commit-txn put @ f
	done
	gives 0 commit-recover --html=p.html root
	[ "$(grep -c '<g class="committed">' p.html)" -eq 100 ]
	[ "$(grep -c 'data-label="When"' p.html)" -eq 100 ]
	page "4 older ones: <code>commit-txn log -C $PWD/root</code>"
}

@test "a store that cannot be read is said, and the others are there" {
	pends
	commit-recover -q root >/dev/null || true
	cp -a root copy
	gives 11 commit-recover -r --html=p.html .
	page "<code>$PWD/copy</code>" 'Its history cannot be read: ' 'is a copy of another store' \
		"commit-recover --check $PWD/copy"
	[ "$(grep -c '<g class="committed">' p.html)" -eq 1 ]
}

@test "--as-owner: what a child has found, and the history that only it may read" {
	need_root
	need_user
	getent passwd 65534 >/dev/null || skip 'user 65534 has no account'
	mkdir theirs
	chown 65534:65534 theirs
	printf 'x\n' | as_user commit-txn run -C theirs -- commit-txn put @ f
	left_by 1:kill:fsync theirs
	chown -R 65534:65534 theirs
	gives 0 commit-recover -n -r --html=p.html theirs
	page '> left alone</span>' 'Its history cannot be read: '
	gives 10 commit-recover --as-owner -r --html=p.html theirs
	page '> repaired</span>' 'data-label="When"'
	without 'Its history cannot be read' '> left alone</span>'
	[ "$(grep -c '<h3>' p.html)" -eq 1 ]
}

@test "the file is replaced whole: its mode stays, what failed leaves the old one" {
	printf 'old page\n' >p.html
	chmod 640 p.html
	gives 0 commit-recover --html=p.html root
	[ "$(mode p.html)" = 640 ]
	page '<!DOCTYPE html>' '</html>'
	without 'old page'
	printf 'old page\n' >p.html
	killed 1:kill:rename commit-recover --html=p.html root
	holds p.html 'old page\n'
	gives 1 fault 1:ENOSPC:once:pwrite commit-recover --html=p.html root
	says p.html ENOSPC
	holds p.html 'old page\n'
	gives 1 commit-recover --html=nowhere/p.html root
	says nowhere/p.html ENOENT
	mkdir d
	gives 1 commit-recover --html=d root
	says d EISDIR
	# what a person must decide is graver than a page that could not be written
	pends
	printf 'theirs\n' >root/b
	gives 11 commit-recover --html=nowhere/p.html root
}

@test "-: standard output, and nothing else on it" {
	pends
	gives 10 commit-recover --html=- root
	silent
	cp "$OUT" p.html
	[ "$(head -n 1 p.html)" = '<!DOCTYPE html>' ]
	[ "$(tail -n 1 p.html)" = '</html>' ]
	page '> repaired</span>'
	[ ! -e ./- ]
	[ -c /dev/full ] || skip 'no /dev/full'
	status=0
	commit-recover --html=- root >/dev/full 2>"$ERR" || status=$?
	[ "$status" -eq 1 ]
	says ENOSPC
}

@test "usage: an empty FILE, and two for standard output" {
	gives 2 commit-recover --html= root
	says --html empty
	if [ -n "${LC_JSON-yes}" ]; then
		gives 2 commit-recover --html=- --json root
		says --html=- --json
	fi
}

@test "what cannot be kept for the page makes no page, and is said" {
	pends
	printf 'old page\n' >p.html
	# the file in memory is a file, and may not grow beyond this
	gives 1 bash -c '(ulimit -f 0 && commit-recover -n --html=p.html root) 2>&1 >/dev/null | cat >&2; exit "${PIPESTATUS[0]}"'
	says p.html 'could not be kept' ENOMEM
	holds p.html 'old page\n'
}
