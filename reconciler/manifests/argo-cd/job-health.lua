-- The health of a Job, for Argo CD (resource.customizations.health.batch_Job in argocd-cm).
-- A suspended lifecycle Job of tenantctl is a template that is never started itself: suspended is how it should be, and
-- nothing that comes after it in a sync has to wait. Every other Job is judged as Argo CD judges it without this script.
local templates = ${templates}

local annotations = obj.metadata.annotations or {}
if obj.spec ~= nil and obj.spec.suspend == true then
  for _, key in ipairs(templates) do
    if annotations[key] ~= nil then
      return { status = "Healthy", message = "suspended: a template for tenantctl" }
    end
  end
end

local over, failed, suspended = false, false, false
local message, reason = "", ""
local conditions = obj.status ~= nil and obj.status.conditions or {}
for _, condition in ipairs(conditions) do
  if condition.type == "Failed" then
    over, failed, reason = true, true, condition.message or ""
  elseif condition.type == "Complete" then
    over, message = true, condition.message or ""
  elseif condition.type == "Suspended" then
    over, message = true, condition.message or ""
    suspended = suspended or condition.status == "True"
  end
end

if not over then
  return { status = "Progressing", message = message }
elseif failed then
  return { status = "Degraded", message = reason }
elseif suspended then
  return { status = "Suspended", message = reason }
end
return { status = "Healthy", message = message }
