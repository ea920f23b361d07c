;;; commit-save-mode.el --- Save buffers through commit-save -*- lexical-binding: t -*-

;; SPDX-License-Identifier: ISC
;; Version: 0.1
;; Package-Requires: ((emacs "27.1"))
;; Keywords: files

;;; Commentary:

;; `commit-save-mode' saves a buffer's file so that it is wholly old or wholly
;; new, whatever happens: (global-commit-save-mode) does for all local files.
;; The coding system, with line ends and byte order mark, is the buffer's.  A
;; save that fails leaves the buffer modified and the file as it was.  Emacs'
;; own backup files are not made: see --backup in `commit-save-options'.

;;; Code:

(require 'subr-x)

(defgroup commit-save nil
  "Save files through commit-save."
  :group 'files)

(defcustom commit-save-program "commit-save"
  "The program that replaces files."
  :type 'string)

(defcustom commit-save-options nil
  "More options of commit-save(1), such as \"--backup=numbered\"."
  :type '(repeat string))

(defun commit-save--run (file coding)
  "Give the accessible text in CODING to commit-save for FILE.
Return its exit status and what it said."
  (let ((said (generate-new-buffer " *commit-save*"))
        (coding-system-for-write coding)
        (default-directory (file-name-directory file))
        status)
    (unwind-protect
        (progn
          (setq status (apply #'call-process-region (point-min) (point-max)
                              commit-save-program nil said nil
                              (append commit-save-options (list "--" file))))
          (cons status (with-current-buffer said (string-trim (buffer-string)))))
      (kill-buffer said))))

(defun commit-save--write ()
  "Save the buffer's file; for `write-contents-functions'."
  (when (and buffer-file-name (not (file-remote-p buffer-file-name)))
    (save-restriction
      (widen)
      (let* ((file (expand-file-name buffer-file-name))
             (coding (select-safe-coding-system
                      (point-min) (point-max)
                      (or coding-system-for-write buffer-file-coding-system) nil file))
             (result (commit-save--run file coding)))
        ;; 3: it is there, and not proven to be on the disk
        (unless (memq (car result) '(0 3))
          (error "%s was not saved: %s" (file-name-nondirectory file)
                 (if (string-empty-p (cdr result))
                     (format "exit status %s" (car result))
                   (cdr result))))
        (setq last-coding-system-used coding)
        (set-visited-file-modtime)
        (set-buffer-modified-p nil)
        (unless (string-empty-p (cdr result))
          (message "%s" (cdr result)))
        t))))

;;;###autoload
(define-minor-mode commit-save-mode
  "Save this buffer's file so that it is wholly old or wholly new."
  :lighter " Commit"
  (if commit-save-mode
      (add-hook 'write-contents-functions #'commit-save--write nil t)
    (remove-hook 'write-contents-functions #'commit-save--write t)))

(defun commit-save--turn-on ()
  "Turn the mode on where there is a file, or may be."
  (unless (or (minibufferp) (derived-mode-p 'special-mode))
    (commit-save-mode 1)))

;;;###autoload
(define-globalized-minor-mode global-commit-save-mode commit-save-mode commit-save--turn-on)

(provide 'commit-save-mode)
;;; commit-save-mode.el ends here
