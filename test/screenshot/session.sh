#!/bin/sh
# An Xfce desktop with two open windows, for the picture in the README. It runs as a user of its own, under dbus-run-session.
# It needs HOME, XDG_RUNTIME_DIR and DISPLAY.
set -eu
export GDK_BACKEND=x11 GSETTINGS_BACKEND=memory NO_AT_BRIDGE=1
settings="$HOME/.config/xfce4/xfconf/xfce-perchannel-xml"
mkdir -p -m 700 "$XDG_RUNTIME_DIR"
mkdir -p "$settings" "$HOME/Documents/Contracts" "$HOME/Documents/Invoices" "$HOME/Documents/Plans"

cat >"$settings/xfwm4.xml" <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfwm4" version="1.0">
  <property name="general" type="empty">
    <property name="use_compositing" type="bool" value="false"/>
    <property name="workspace_count" type="int" value="1"/>
  </property>
</channel>
XML
cat >"$settings/thunar.xml" <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<channel name="thunar" version="1.0">
  <property name="last-side-pane" type="string" value="void"/>
  <property name="last-location-bar" type="string" value="ThunarLocationButtons"/>
</channel>
XML
cat >"$settings/xfce4-desktop.xml" <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-desktop" version="1.0">
  <property name="desktop-icons" type="empty">
    <property name="style" type="int" value="0"/>
  </property>
</channel>
XML
# The default panel, without the name of the user at its right end and without the second panel.
sed -e '/<value type="int" value="14"\/>/d' -e '0,/<value type="int" value="2"\/>/{/<value type="int" value="2"\/>/d}' \
  /etc/xdg/xfce4/panel/default.xml >"$settings/xfce4-panel.xml"

cat >"$HOME/Documents/Plans/offices.txt" <<'TEXT'
Desks per office

  Hamburg    24
  Lyon       18
  Porto      31
  Turku      12
TEXT

xfsettingsd --no-daemon &
xfwm4 &
xfdesktop &
xfce4-panel &
wait_for() { while ! wmctrl -l | grep -q "$1"; do sleep 0.1; done; }
wait_for Desktop
wait_for xfce4-panel
thunar "$HOME/Documents" &
wait_for Thunar
wmctrl -r Thunar -e 0,40,60,520,350
mousepad "$HOME/Documents/Plans/offices.txt" &
wait_for Mousepad
wmctrl -r Mousepad -e 0,500,170,420,280
wmctrl -a Mousepad
# The editor shows its window before the text.
sleep 2
echo ready
wait
