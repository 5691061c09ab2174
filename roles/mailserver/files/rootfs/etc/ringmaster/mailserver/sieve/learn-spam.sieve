# Managed by Ringmaster: changes made here will be overwritten
require ["vnd.dovecot.pipe", "copy", "imapsieve"];
pipe :copy "learn" ["spam"];
