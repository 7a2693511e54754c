-- The four roles that Rolebridge speaks to PostgreSQL as, and what new tables grant them. Run once, as a superuser,
-- in the database that rolebridge_owner owns. `make run` and the tests run this same file.
--
--   rolebridge_owner  migrations; owns the schema, and still cannot see a tenant's rows (FORCE ROW LEVEL SECURITY)
--   rolebridge_app    web and worker; sees the rows of the tenant whose scope is open
--   rolebridge_staff  Django admin; reads across tenants, writes its own log and audit events only
--   rolebridge_product  what service tokens read: of all tenants, and only what opens a session; migrations grant it
--
-- None is a superuser and none has BYPASSRLS: either would hide every mistake.

ALTER SCHEMA public OWNER TO rolebridge_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO rolebridge_app, rolebridge_staff, rolebridge_product;
ALTER DEFAULT PRIVILEGES FOR ROLE rolebridge_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO rolebridge_app;
ALTER DEFAULT PRIVILEGES FOR ROLE rolebridge_owner IN SCHEMA public
    GRANT SELECT ON TABLES TO rolebridge_staff;
ALTER DEFAULT PRIVILEGES FOR ROLE rolebridge_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO rolebridge_app, rolebridge_staff;
