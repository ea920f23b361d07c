# SPDX-License-Identifier: ISC
# Completion for fish: options as --help tells them, values and commands from here.

function __commit_options --argument-names tool
    $tool --help 2>/dev/null | string match --regex --all -- '(?<!\S)--[a-z][a-z-]*=?' | sort -u
end

# No command was given yet
function __commit_wants_command
    test (count (string match --invert -- '-*' (commandline --tokenize --cut-at-cursor --current-process))) -le 1
end

function __commit_transactions
    printf '@\tthe transaction of $COMMIT_TXN\n'
    commit-txn list 2>/dev/null | string match --regex --all '[0-9a-f]{8}-[0-9a-f]{8}'
end

for tool in commit-save commit-txn commit-triple commit-range commit-recover
    complete -c $tool -n 'string match --quiet -- "-*" (commandline --current-token)' -f -a "(__commit_options $tool)"
end
for value in follow replace refuse
    complete -c commit-save -f -n 'string match --quiet -- "--symlink=*" (commandline --current-token)' -a "--symlink=$value"
end
for value in refuse break in-place
    complete -c commit-save -f -n 'string match --quiet -- "--hardlink=*" (commandline --current-token)' -a "--hardlink=$value"
end
for value in full data none
    complete -c commit-save -f -n 'string match --quiet -- "--sync=*" (commandline --current-token)' -a "--sync=$value"
end
complete -c commit-txn -f -n __commit_wants_command -a 'init begin put patch rm mkdir rmdir mv link symlink chmod chown
    setxattr status diff commit abort run apply script list log undo read'
complete -c commit-triple -f -n __commit_wants_command -a 'write read check repair status'
complete -c commit-range -f -n __commit_wants_command -a 'write apply log'
complete -c commit-txn -f -a '(__commit_transactions)' -n '__fish_seen_subcommand_from put patch rm mkdir rmdir mv link \
    symlink chmod chown setxattr status diff commit abort'
