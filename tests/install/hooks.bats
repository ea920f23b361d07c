#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The hook of git that puts a branch into place, with real pushes.
# shellcheck disable=SC2016 # what stands in '' is for other shells

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	command -v git >/dev/null || skip 'git is not installed'
	mkdir srv
	if commit-txn apply -C srv /dev/null 2>&1 | grep -q 'without libarchive'; then
		skip 'built without libarchive'
	fi
	export HOME=$PWD GIT_CONFIG_NOSYSTEM=1
	git config --global user.name nobody
	git config --global user.email nobody@example.org
	git config --global init.defaultBranch main
	git init -q --bare repository.git
	for hook in pre-receive post-receive; do
		ln -s "$LC_SRCDIR/contrib/git-hooks/deploy" repository.git/hooks/$hook
	done
	git -C repository.git config deploy.root "$PWD/srv"
	git clone -q repository.git work 2>/dev/null
	cd work || return
}

# push MESSAGE: all that is here, as a commit; the rest of the line is git's
push() {
	git add -A
	git commit -q --allow-empty -m "$1"
	git push -q origin HEAD 2>said
}

@test "what is pushed is in place, and nothing else" {
	echo one >index
	mkdir -p sub/deep
	echo two >sub/deep/page
	push first
	diff -r --exclude=.git --exclude=said . ../srv --exclude=.commit
	git rm -q -r sub
	echo ONE >index
	push second
	[ "$(cat ../srv/index)" = ONE ]
	[ ! -e ../srv/sub ]
	# both commits, each as one
	[ "$(commit-txn log -C ../srv | wc -l)" -eq 2 ]
}

@test "another branch, and a branch that goes, change nothing" {
	echo one >index
	push first
	git checkout -q -b other
	echo two >index
	push second
	[ "$(cat ../srv/index)" = one ]
	git -C ../repository.git config receive.denyDeleteCurrent ignore
	git push -q origin :main 2>said
	grep -q 'main is gone' said
	[ "$(cat ../srv/index)" = one ]
}

@test "what the command does not like is not taken: not by the tree, not by the repository" {
	git -C ../repository.git config deploy.validate 'grep -q good "$1/index"'
	echo good >index
	push first
	taken=$(git -C ../repository.git rev-parse main)
	echo bad >index
	echo two >page
	run ! push second
	cat said
	grep -q 'would not take it' said
	[ "$(git -C ../repository.git rev-parse main)" = "$taken" ]
	[ "$(cat ../srv/index)" = good ]
	[ ! -e ../srv/page ]
}

@test "where it cannot be put into place, the push says so" {
	git -C ../repository.git config --unset deploy.root
	run ! push first
	grep -q 'git config deploy.root' said
	# after the push it can only be told
	rm ../repository.git/hooks/pre-receive
	git -C ../repository.git config deploy.root "$PWD/../missing"
	push second
	grep -q 'missing is as it was' said
}
