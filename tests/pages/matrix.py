"""Who may open and send which page, as data: a row for each page, method, thing and site; a column for each actor.

The tenant of the site "own" has a learner, a staff, an author, an admin and an owner, named for their roles in it;
``stranger`` is an owner of the tenant of the site "foreign", ``nobody`` a member nowhere, ``operator`` a superuser. A
thing is of the own tenant, of the foreign one, or "missing": it never was. The site "platform" is of no tenant.

401 stands for the way to the sign-in; 302 leads, after something was done, to where it is seen. A foreign thing reads
as a missing one. Whoever has the token of an invitation may accept it: that is what it is for. Nobody needs an account
to see the preview of a draft by the link that its author passed on. 404 instead of 401 is the course partition's, as in
the matrix of the REST API. The page ``tenant`` is there in a Studio that serves several tenants, and nowhere else: the
tests of the switcher ask it there.
"""

ACTORS = ("anonymous", "nobody", "stranger", "learner", "staff", "author", "admin", "owner", "operator")

# page          method thing    site      ano  nob  str  lea  sta  aut  adm  own  ope
MATRIX = """
start           get    own      own       401  401  401  403  302  302  302  302  302
start           get    own      foreign   401  401  302  401  401  401  401  401  302
start           get    own      platform  404  404  404  404  404  404  404  404  404
tenant          get    own      own       404  404  404  404  404  404  404  404  404
tenant          get    own      foreign   404  404  404  404  404  404  404  404  404
tenant          get    own      platform  404  404  404  404  404  404  404  404  404
tenant          post   own      own       404  404  404  404  404  404  404  404  404
tenant          post   own      foreign   404  404  404  404  404  404  404  404  404
tenant          post   own      platform  404  404  404  404  404  404  404  404  404
members         get    own      own       401  401  401  403  200  200  200  200  200
members         get    own      foreign   401  401  200  401  401  401  401  401  200
members         get    own      platform  404  404  404  404  404  404  404  404  404
member          post   own      own       401  401  401  403  403  403  302  302  302
member          post   own      foreign   401  401  404  401  401  401  401  401  404
member          post   own      platform  404  404  404  404  404  404  404  404  404
member          post   foreign  own       401  401  401  403  403  403  404  404  404
member          post   foreign  foreign   401  401  302  401  401  401  401  401  302
member          post   foreign  platform  404  404  404  404  404  404  404  404  404
member          post   missing  own       401  401  401  403  403  403  404  404  404
member          post   missing  foreign   401  401  404  401  401  401  401  401  404
member          post   missing  platform  404  404  404  404  404  404  404  404  404
invitations     get    own      own       401  401  401  403  403  403  200  200  200
invitations     get    own      foreign   401  401  200  401  401  401  401  401  200
invitations     get    own      platform  404  404  404  404  404  404  404  404  404
invitations     post   own      own       401  401  401  403  403  403  302  302  302
invitations     post   own      foreign   404  404  404  404  404  404  404  404  200
invitations     post   own      platform  404  404  404  404  404  404  404  404  404
invitations     post   foreign  own       404  404  404  404  404  404  404  404  200
invitations     post   foreign  foreign   401  401  302  401  401  401  401  401  302
invitations     post   foreign  platform  404  404  404  404  404  404  404  404  404
invitations     post   missing  own       401  401  401  403  403  403  200  200  200
invitations     post   missing  foreign   401  401  200  401  401  401  401  401  200
invitations     post   missing  platform  404  404  404  404  404  404  404  404  404
invitation      post   own      own       401  401  401  403  403  403  302  302  302
invitation      post   own      foreign   401  401  404  401  401  401  401  401  404
invitation      post   own      platform  404  404  404  404  404  404  404  404  404
invitation      post   foreign  own       401  401  401  403  403  403  404  404  404
invitation      post   foreign  foreign   401  401  302  401  401  401  401  401  302
invitation      post   foreign  platform  404  404  404  404  404  404  404  404  404
invitation      post   missing  own       401  401  401  403  403  403  404  404  404
invitation      post   missing  foreign   401  401  404  401  401  401  401  401  404
invitation      post   missing  platform  404  404  404  404  404  404  404  404  404
accept          get    own      own       200  200  200  200  200  200  200  200  200
accept          get    own      foreign   404  404  404  404  404  404  404  404  404
accept          get    own      platform  404  404  404  404  404  404  404  404  404
accept          get    foreign  own       404  404  404  404  404  404  404  404  404
accept          get    foreign  foreign   200  200  200  200  200  200  200  200  200
accept          get    foreign  platform  404  404  404  404  404  404  404  404  404
accept          get    missing  own       404  404  404  404  404  404  404  404  404
accept          get    missing  foreign   404  404  404  404  404  404  404  404  404
accept          get    missing  platform  404  404  404  404  404  404  404  404  404
accept          post   own      own       302  302  302  302  302  302  302  302  302
accept          post   own      foreign   404  404  404  404  404  404  404  404  404
accept          post   own      platform  404  404  404  404  404  404  404  404  404
accept          post   foreign  own       404  404  404  404  404  404  404  404  404
accept          post   foreign  foreign   302  302  302  302  302  302  302  302  302
accept          post   foreign  platform  404  404  404  404  404  404  404  404  404
accept          post   missing  own       404  404  404  404  404  404  404  404  404
accept          post   missing  foreign   404  404  404  404  404  404  404  404  404
accept          post   missing  platform  404  404  404  404  404  404  404  404  404
configuration   get    own      own       401  401  401  403  403  403  200  200  200
configuration   get    own      foreign   401  401  200  401  401  401  401  401  200
configuration   get    own      platform  404  404  404  404  404  404  404  404  404
value           get    own      own       401  401  401  403  403  403  200  200  200
value           get    own      foreign   401  401  200  401  401  401  401  401  200
value           get    own      platform  404  404  404  404  404  404  404  404  404
value           get    missing  own       401  401  401  403  403  403  404  404  404
value           get    missing  foreign   401  401  404  401  401  401  401  401  404
value           get    missing  platform  404  404  404  404  404  404  404  404  404
value           post   own      own       401  401  401  403  403  403  302  302  302
value           post   own      foreign   401  401  302  401  401  401  401  401  302
value           post   own      platform  404  404  404  404  404  404  404  404  404
value           post   missing  own       401  401  401  403  403  403  404  404  404
value           post   missing  foreign   401  401  404  401  401  401  401  401  404
value           post   missing  platform  404  404  404  404  404  404  404  404  404
history         get    own      own       401  401  401  403  403  403  200  200  200
history         get    own      foreign   401  401  200  401  401  401  401  401  200
history         get    own      platform  404  404  404  404  404  404  404  404  404
audit           get    own      own       401  401  401  403  403  403  200  200  200
audit           get    own      foreign   401  401  200  401  401  401  401  401  200
audit           get    own      platform  404  404  404  404  404  404  404  404  404
audit_export    get    own      own       401  401  401  403  403  403  200  200  200
audit_export    get    own      foreign   401  401  200  401  401  401  401  401  200
audit_export    get    own      platform  404  404  404  404  404  404  404  404  404
preview         get    own      own       302  302  302  302  302  302  302  302  302
preview         get    own      foreign   403  403  403  403  403  403  403  403  403
preview         get    own      platform  403  403  403  403  403  403  403  403  403
preview         get    foreign  own       403  403  403  403  403  403  403  403  403
preview         get    foreign  foreign   302  302  302  302  302  302  302  302  302
preview         get    foreign  platform  403  403  403  403  403  403  403  403  403
preview         get    missing  own       403  403  403  403  403  403  403  403  403
preview         get    missing  foreign   403  403  403  403  403  403  403  403  403
preview         get    missing  platform  403  403  403  403  403  403  403  403  403
preview-clear   get    own      own       302  302  302  302  302  302  302  302  302
preview-clear   get    own      foreign   302  302  302  302  302  302  302  302  302
preview-clear   get    own      platform  302  302  302  302  302  302  302  302  302
"""
