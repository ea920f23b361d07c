" SPDX-License-Identifier: ISC
" commit.vim - write files through commit-save: wholly old or wholly new
"
"   let g:commit_save_patterns = ['/etc/*', '*.conf']     files written so; default: all
"   let g:commit_save_options = ['--lock']                more options of commit-save(1)
"
" Vim and Neovim. The encoding, line ends, byte order mark and a missing final
" newline are Vim's own, for Vim writes the copy that commit-save takes. A save
" that fails leaves the buffer modified and the file as it was. Parts of a buffer
" (:1,5write) and appending (:write >>) are left to Vim.

if exists('g:loaded_commit') || &compatible
  finish
endif
let g:loaded_commit = 1

" What commit-save says when the new content is there (0), or is there and is
" not proven to be on the disk (3)
function! s:Committed(status) abort
  return a:status == 0 || a:status == 3
endfunction

function! s:Run(file, copy) abort
  let l:words = ['commit-save'] + get(g:, 'commit_save_options', []) + ['--', a:file]
  let l:command = join(map(l:words, 'shellescape(v:val)')) . ' <' . shellescape(a:copy) . ' 2>&1'
  let l:said = system(l:command)
  return [v:shell_error, substitute(l:said, '\n\+$', '', '')]
endfunction

function! s:Write(file) abort
  let l:file = fnamemodify(a:file, ':p')
  let l:own = l:file ==# fnamemodify(bufname('%'), ':p')
  let l:copy = tempname()
  try
    execute 'silent noautocmd keepalt write! ' . fnameescape(l:copy)
    if l:own
      " Written is the copy, so far
      setlocal modified
    endif
    let [l:status, l:said] = s:Run(l:file, l:copy)
  finally
    call delete(l:copy)
  endtry
  if !s:Committed(l:status)
    echohl ErrorMsg
    echomsg empty(l:said) ? 'commit-save: ' . l:file . ': exit status ' . l:status : l:said
    echohl None
    throw 'commit-save: ' . fnamemodify(l:file, ':t') . ' was not written'
  endif
  if l:own || &cpoptions =~# '+'
    setlocal nomodified
    let b:commit_saved = 1
    silent! checktime %
  endif
  echomsg empty(l:said) ? '"' . fnamemodify(l:file, ':~:.') . '" committed' : l:said
endfunction

" The time stamp that Vim remembers is of the file that was replaced.
function! s:Changed() abort
  let v:fcs_choice = get(b:, 'commit_saved', 0) ? '' : 'ask'
  unlet! b:commit_saved
endfunction

augroup commit
  autocmd!
  for s:pattern in get(g:, 'commit_save_patterns', ['*'])
    execute 'autocmd BufWriteCmd ' . s:pattern . ' ++nested call s:Write(expand("<afile>"))'
  endfor
  autocmd FileChangedShell * call s:Changed()
augroup END
