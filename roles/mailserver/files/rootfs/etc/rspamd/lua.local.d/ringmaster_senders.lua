--[[ Who is logged in may show only addresses of their own in From. Postfix checks the sender of the envelope;
     readers see the header. The map is the one of Postfix: address to the logins that own it. ]]
-- Managed by Ringmaster: changes made here will be overwritten
local rspamd_logger = require 'rspamd_logger'

local owners = rspamd_config:add_map({
  type = 'map',
  url = '/etc/ringmaster/mailserver/maps/senders',
  description = 'Owners of sender addresses',
})

local function is_owner(login, address)
  local user, domain = address:match('^([^@]*)@(.+)$')
  if not user then
    return false
  end
  local plain = user:gsub('%+.*$', '')
  local found = owners:get_key(address) or owners:get_key(plain .. '@' .. domain) or owners:get_key('@' .. domain)
  for one in string.gmatch(found or '', '%S+') do
    if one == login then
      return true
    end
  end
  return false
end

rspamd_config:register_symbol({
  name = 'RINGMASTER_FROM_NOT_OWNED',
  type = 'prefilter',
  priority = 10,
  callback = function(task)
    local login = task:get_user()
    if not login then
      return
    end
    local from = task:get_from('mime')
    if not from or #from == 0 then
      return
    end
    for _, one in ipairs(from) do
      if not is_owner(login:lower(), (one.addr or ''):lower()) then
        rspamd_logger.infox(task, '%s may not write as %s', login, one.addr)
        task:set_pre_result('reject', 'You may not write as ' .. (one.addr or ''), 'ringmaster')
        return
      end
    end
  end,
})
