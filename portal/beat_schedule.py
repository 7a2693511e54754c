"""What beat sends to the workers by itself, and how often."""

from typing import Any

# A message that has waited as long as until the next one is sent has expired: where no worker takes them, none pile up.
SCHEDULE: dict[str, dict[str, Any]] = {
    name: {"task": task, "schedule": seconds, "options": {"expires": seconds}}
    for name, task, seconds in [
        ("hand back verifications", "integrations.tasks.hand_back_verifications", 5.0),
        ("carry out recoveries", "integrations.tasks.carry_out_recoveries", 60.0),
        ("delete tenants whose time has come", "integrations.tasks.carry_out_deletions", 600.0),
        ("forget old idempotency keys", "integrations.tasks.forget_idempotent_requests", 600.0),
        ("forget sessions that have ended", "integrations.tasks.forget_ended_sessions", 60.0),
        ("verify what is due", "integrations.tasks.verify_due", 2.0),
        ("check the vendor's own side", "integrations.tasks.check_vendor", 30.0),
        ("follow the emergency stop", "integrations.tasks.follow_emergency_stop", 5.0),
        ("send notifications", "integrations.tasks.send_notifications", 5.0),
        ("send webhooks", "integrations.tasks.send_webhooks", 2.0),
        ("forget old webhook events", "integrations.tasks.forget_old_webhook_events", 600.0),
        ("forget what is too old", "integrations.tasks.send_retention_tasks", 300.0),
        ("remind of rotations of external IDs", "integrations.tasks.remind_of_rotations", 60.0),
        ("release the catalogue", "integrations.tasks.release_catalogue", 30.0),
    ]
}
