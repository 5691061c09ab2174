# Managed by Ringmaster: changes made here will be overwritten
require ["fileinto", "mailbox"];
if header :is "X-Spam" "Yes" { fileinto :create "Junk"; stop; }
