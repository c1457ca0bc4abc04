"""nigredo-leads: a tenant's leads in Postgres; each new one becomes a command to look it up."""

from __future__ import annotations

from alquimista_api import endpoints
from alquimista_aws.entry import handler as made_for
from leads import create_lead, health, list_leads

handler = made_for(
    {
        ("GET", "/health"): health,
        ("GET", "/leads"): list_leads,
        ("POST", "/leads"): create_lead,
        ("GET", "/leads/{external_ref}"): endpoints.show_lead,
        ("DELETE", "/leads/{external_ref}"): endpoints.delete_lead,
        ("GET", "/pipeline"): endpoints.pipeline,
    }
)
